"""Statistics, tables, costs and human labels of judged comparisons."""
