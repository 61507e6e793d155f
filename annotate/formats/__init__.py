"""Label formats, one file each: what a file says, before anything is believed."""
