namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>Parts of a file's content that git converts before it compares them, so that a change of them may not show.</summary>
[Flags]
internal enum ContentHiding
{
    /// <summary>Nothing: git compares the bytes.</summary>
    None = 0,

    /// <summary>All of it: a filter or another encoding stands between.</summary>
    Whole = 1,

    /// <summary>The text between <c>$Id:</c> and the next dollar sign of a line.</summary>
    Identity = 2,

    /// <summary>Carriage returns before line feeds.</summary>
    LineEnds = 4,

    /// <summary>Everything, where the attributes cannot be told.</summary>
    All = Whole | Identity | LineEnds,
}
