"""Run the command line as `python -m gitops_doca`."""

from gitops_doca.cli import main

main()
