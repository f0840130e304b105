"""One command a module, each with the click command `command`; loaded when it is called."""
