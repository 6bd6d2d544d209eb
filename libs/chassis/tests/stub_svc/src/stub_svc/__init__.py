"""A service of the chassis' tests: it has nothing but migrations."""
