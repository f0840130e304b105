"""Find for each pool the kernel that it needs for another driver version."""
