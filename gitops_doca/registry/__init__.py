"""What an OCI registry says about tags: exists, missing, or unknown."""
