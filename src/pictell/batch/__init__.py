"""Many pictures → a durable table in numbered parts; the parts themselves say what is done."""
