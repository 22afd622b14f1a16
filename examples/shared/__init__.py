"""What both demos share. None of it is about authentication of sockets: that is `auth.py` of each demo."""
