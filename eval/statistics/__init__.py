"""How sure a figure is: resamples of whole classes, in whole numbers, the same on any machine."""
