"""The built-in checks of netdoctor: one module a check, found through the entry point that third parties use too."""
