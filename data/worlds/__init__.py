"""World files; a package only so that they are shipped."""
