"""ALBEF: texts and images, aligned before they are fused."""
