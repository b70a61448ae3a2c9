"""The contract of the UniSER toolkit: Frame, Effect, Pair, and everything every generator shares.

Data flows one way: a source yields a `Frame`, an effect turns it into `Layers`, the engine makes a
`Pair` of it, and the runner writes pair shards. Heavy imports stay lazy: importing this package
costs nothing but the interpreter.
"""

__version__ = "0.1.0"
SCHEMA_VERSION = 1
