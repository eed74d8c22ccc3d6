"""What the record of an execution says about lines of the focal file."""
