using System.Collections.Frozen;
using IsolatedAgents.Engines;
using IsolatedAgents.Reports;

namespace IsolatedAgents.Hosts;

/// <summary>
/// A service that runs builds and reads commands from their logs. A new one is a class of this kind and its row in
/// <see cref="BuildHosts.Known"/>.
/// </summary>
internal abstract class BuildHost
{
    /// <summary>The word that chooses it on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>The variable in which the host names its temporary folder.</summary>
    public abstract string TemporaryFolderVariable { get; }

    /// <summary>Whether a process with these variables runs on the host.</summary>
    public abstract bool IsPresent(FrozenDictionary<string, string> environment);

    /// <summary>How the host is shown a run that has the log to itself.</summary>
    public abstract IHostLog Open(HostLogContext context);

    /// <summary>
    /// Hands over the summary of a run that is one step of a build. The host takes errors and warnings from the build's own lines.
    /// </summary>
    /// <param name="report">The run.</param>
    /// <param name="environment">The build's variables.</param>
    /// <param name="log">Writes a line to the build's log.</param>
    public abstract void GiveSummary(RunReport report, FrozenDictionary<string, string> environment, Action<string> log);

    /// <summary>Folders of a container that the host has mounted from its own machine, where the variables say so.</summary>
    public virtual IEnumerable<PathMapping> AssumedMappings(FrozenDictionary<string, string> environment) => [];

    /// <summary>Whether a variable says yes.</summary>
    protected static bool IsTrue(FrozenDictionary<string, string> environment, string name) =>
        environment.TryGetValue(name, out string? value) && value.Equals("true", StringComparison.OrdinalIgnoreCase);
}
