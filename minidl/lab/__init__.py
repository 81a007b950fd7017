"""The lab: what the notebooks stand on. Import its modules one by one; the framework knows nothing of it."""

from minidl.lab import show

show.register()  # here, since every notebook imports something of the lab before it shows a model
