namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>What of a file's content git compares in another form than it lies there, so that a change of it may not show.</summary>
[Flags]
internal enum ContentHiding
{
    /// <summary>Nothing: git compares the bytes.</summary>
    None = 0,

    /// <summary>All of it: a filter or another encoding stands between.</summary>
    Whole = 1,

    /// <summary>What stands between <c>$Id:</c> and the next dollar sign of a line.</summary>
    Identity = 2,

    /// <summary>Carriage returns before line feeds.</summary>
    LineEnds = 4,

    /// <summary>Everything, where the attributes cannot be told.</summary>
    All = Whole | Identity | LineEnds,
}
