"""Controlled comparisons of trainings: joint against single tasks, and what each part of the supervision is worth."""
