"""What the doctor measures on a subject.

`batches` runs it on small batches of different sizes and puts what came beside what should have come: the true gradients
(`gradients`), and what forward should be, where somebody says so (`reference`). `behaviour` tries out what is kept, what is
written to, what happens at the limits, and who calls whom. `steps` has an optimiser make a few steps, to be compared with
those of `formulas`. `traced` judges one forward and backward as they were called by others.

For a training loop, `parts` makes a tiny task, `recorded` has its parts write into a log (`recording`) what is done to
them, `trainings` runs the loop and puts in order what it did, `messages` says which targets a gradient is about where no
loss was asked, `ways` where parameters and gradients have gone, and `returned` what the numbers that it returns may be.
For a check-up, `nets` runs copies of a network layer by layer, `layers` has what is measured of one of them, `curves`
reads the history of a training, `vitals` makes the measurements, and `answers` looks at the answers class by class.
"""
