"""What the towers are taught, one objective a file; `recsys.text.objective` adds them up.

Every loss over users is a weighted sum, with weights that the caller has normalised over the whole step: so the losses
of parts of a step's users add up to the loss of the step.
"""
