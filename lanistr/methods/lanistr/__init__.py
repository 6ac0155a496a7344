"""LANISTR: unimodal masking and the similarity of masked and unmasked inputs."""
