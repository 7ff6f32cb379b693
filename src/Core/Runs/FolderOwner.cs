using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace IsolatedAgents.Runs;

/// <summary>The gate that a folder of outputs or reports belongs to. Another one may not replace what it keeps there.</summary>
/// <param name="Project">Absolute path of the project.</param>
/// <param name="Item">The item, or the agent, of the project.</param>
/// <param name="Configuration">The configuration that the project is built in; empty where that makes no difference.</param>
public sealed record FolderOwner(string Project, string Item, string Configuration)
{
    /// <summary>All items of the project, where they are known. The folder of one that is not among them may be taken over.</summary>
    [JsonIgnore]
    public ImmutableArray<string> ProjectItems { get; init; } = [];

    /// <summary>Whether a folder of another owner may be taken: it is the same one, or it is gone.</summary>
    internal bool MayReplace(FolderOwner other) =>
        (other.Project == Project && other.Item == Item && other.Configuration == Configuration)
        || (Path.IsPathFullyQualified(other.Project) && !File.Exists(other.Project))
        || (
            other.Project == Project && other.Configuration == Configuration && !ProjectItems.IsEmpty && !ProjectItems.Contains(other.Item)
        );

    /// <summary>The owner in a message.</summary>
    internal string Describe() =>
        (Item.Length > 0 ? $"item '{Item}' of " : "")
        + $"project '{Project}'"
        + (Configuration.Length > 0 ? $" in configuration '{Configuration}'" : "");
}
