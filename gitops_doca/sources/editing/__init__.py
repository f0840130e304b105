"""Change values of YAML files and leave every other byte as it is."""
