"""Raw ASGI beside Django: the event stream, behind one gate. Consoles and uploads come here."""
