namespace IsolatedAgents.Diagnostics;

/// <summary>All that is known about one code. The documentation, the targets and the reports follow from it.</summary>
/// <param name="Code">The code.</param>
/// <param name="Title">A few words, without a full stop.</param>
internal sealed record DiagnosticRow(string Code, string Title)
{
    /// <summary>The meaning of the code as an error, in Markdown.</summary>
    public required string Meaning { get; init; }

    /// <summary>The meaning of the code as a warning; null when it is never a warning beside being an error.</summary>
    public string? AsWarning { get; init; }

    /// <summary><c>warning</c> or <c>message</c> where the code is never an error; else null.</summary>
    public string? IsOnly { get; init; }

    /// <summary>The remedy, in Markdown.</summary>
    public required string WhatToDo { get; init; }

    /// <summary>The policy key that sets what the code is about; null where none does.</summary>
    public string? Key { get; init; }
}
