"""The measured side. It sees nothing of the kit, so that it can be copied anywhere."""
