"""The presets that come with the kit, as TOML files. `kit.study.preset` reads them."""
