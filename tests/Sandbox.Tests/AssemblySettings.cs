// Most of a run is the engine's work: more at once than there are cores.
[assembly: Parallelize(Workers = 4, Scope = ExecutionScope.MethodLevel)]
