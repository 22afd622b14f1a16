"""An application whose users have other classes: a proxy, and a child with a table of its own."""
