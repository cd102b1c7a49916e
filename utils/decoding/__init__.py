"""From logits to text: filters, sampling, beam search. Imports floor, data and models."""
