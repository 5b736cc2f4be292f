"""The only room with torch and transformers: encoders that learn from clicks and purchases."""
