// Each test is a build of its own; more at once than there are cores, since part of each is waiting for an engine.
[assembly: Parallelize(Workers = 3, Scope = ExecutionScope.MethodLevel)]
