"""The live cluster, read and never written: kubeconfig, credentials, the API server, an inventory."""
