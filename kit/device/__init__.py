"""Where a model is measured: this machine now, a Raspberry Pi over SSH later."""
