using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Outputs;

/// <summary>Keeps two gates apart that were given one folder: each would replace the other's files, and run again at every build.</summary>
internal static class FolderOwnership
{
    /// <summary>Names the owner of a report folder, whose files have no manifest.</summary>
    public const string FileName = ".isolated-agents-owner.json";

    /// <exception cref="ConfigurationException">IA1004: the folder belongs to somebody else.</exception>
    /// <param name="what">What the folder is for: <c>output</c>, <c>report</c>.</param>
    /// <param name="folder">Absolute path.</param>
    /// <param name="recorded">Whom it belongs to; null where nobody in particular filled it.</param>
    /// <param name="owner">Who wants to fill it; null where that is nobody in particular.</param>
    public static void Require(string what, string folder, FolderOwner? recorded, FolderOwner? owner)
    {
        if (recorded is null || (owner?.MayReplace(recorded) ?? !File.Exists(recorded.Project)))
        {
            return;
        }

        string wanting = owner?.Describe() ?? "a run outside of a build";
        throw new ConfigurationException(
            DiagnosticTable.FolderOwned,
            UntrustedText.Display(
                $"The {what} directory '{folder}' belongs to {recorded.Describe()}, and {wanting} would replace what that keeps there. "
                    + "Give each its own folder, with $(MSBuildProjectName) and $(Configuration) in its path, "
                    + "or delete the folder if its owner no longer uses it."
            )
        );
    }

    /// <summary>Takes a report folder for an owner. The first of several that come at once has it.</summary>
    /// <exception cref="ConfigurationException">IA1004: it belongs to somebody else.</exception>
    public static void Claim(string folder, FolderOwner? owner)
    {
        string path = Path.Combine(folder, FileName);
        if (owner is not null && !File.Exists(path))
        {
            try
            {
                using FileStream stream = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
                JsonSerializer.Serialize(stream, owner, FolderOwnerContext.Default.FolderOwner);
                return;
            }
            catch (IOException) when (File.Exists(path))
            {
                // Another run was quicker.
            }
        }

        FolderOwner? recorded = Read(path);
        Require("report", folder, recorded, owner);
        if (owner is not null && recorded is not null && recorded with { ProjectItems = owner.ProjectItems } != owner)
        {
            File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(owner, FolderOwnerContext.Default.FolderOwner));
        }
    }

    /// <summary>Whom a report folder belongs to; null where it belongs to nobody.</summary>
    public static FolderOwner? OfReports(string folder) => Read(Path.Combine(folder, FileName));

    private static FolderOwner? Read(string path)
    {
        try
        {
            return
                JsonSerializer.Deserialize(File.ReadAllBytes(path), FolderOwnerContext.Default.FolderOwner)
                    is { Project: not null, Item: not null, Configuration: not null } owner
                ? owner
                : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(FolderOwner))]
internal sealed partial class FolderOwnerContext : JsonSerializerContext;
