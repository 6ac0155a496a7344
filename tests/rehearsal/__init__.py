"""Raw dumps of MIMIC-IV's size and the workflow on them: `make rehearse SHARE=0.01`."""
