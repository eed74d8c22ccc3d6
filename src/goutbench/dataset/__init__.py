"""The dataset on disk: Parquet tables with hashes, journals, the dataset card and Croissant metadata."""
