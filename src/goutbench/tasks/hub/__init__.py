"""Tasks as a folder for a hub of datasets: `hf upload` takes it as it is."""
