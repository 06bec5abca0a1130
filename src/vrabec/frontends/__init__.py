"""What speaks HTTP. Front ends authenticate and translate; rules live in services."""
