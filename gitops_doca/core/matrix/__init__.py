"""Find which driver versions have an image for which pools."""
