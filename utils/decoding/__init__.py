"""From logits to text: filters, sampling, streaming, beams. Imports floor, data and models."""
