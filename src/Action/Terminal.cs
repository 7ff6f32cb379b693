using System.Collections.Frozen;
using IsolatedAgents.Hosts;

namespace IsolatedAgents.Action;

/// <summary>The state of the process. Nothing else in this project reads it, so that tests can give their own.</summary>
internal sealed record Terminal
{
    /// <summary>Standard output as bytes, for telemetry.</summary>
    public required Stream OutputStream { get; init; }

    /// <summary>Standard output as text, for answers.</summary>
    public required TextWriter Output { get; init; }

    /// <summary>Standard error, for our own diagnostics.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Whether standard output is shown to a person.</summary>
    public bool IsOutputTerminal { get; init; }

    /// <summary>Gives the width of the terminal's window in cells; null where standard output is none.</summary>
    public Func<int?> Columns { get; init; } = static () => null;

    /// <summary>Absolute folder that relative paths of the command line start from.</summary>
    public required string CurrentDirectory { get; init; }

    /// <summary>The name that the process was started by.</summary>
    public string ProgramName { get; init; } = "isolated-agents";

    /// <summary>The process's variables.</summary>
    public FrozenDictionary<string, string> Environment { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The build hosts that the process may run on.</summary>
    public BuildHosts Hosts { get; init; } = BuildHosts.Known;

    /// <summary>The folder that <c>~</c> stands for.</summary>
    public string? HomeDirectory => Environment.GetValueOrDefault("HOME") ?? Environment.GetValueOrDefault("USERPROFILE");
}
