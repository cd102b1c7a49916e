"""From logits to text: filters, sampling, streaming, beam search. Imports floor, data and models."""
