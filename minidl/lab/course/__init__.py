"""The notebooks as something to publish: ``pages`` makes web pages of them."""
