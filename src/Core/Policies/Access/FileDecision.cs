using System.Collections.Immutable;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Policies.Access;

/// <summary>A policy's decision about an access to a file, with the reason.</summary>
/// <param name="IsAllowed">Whether the access is allowed.</param>
/// <param name="Rule">What decides: a policy key, or a default.</param>
/// <param name="Entry">The path that the rule names and that holds the file; null where none does.</param>
/// <param name="Reason">Why it is denied; null where it is allowed.</param>
internal sealed record FileDecision(bool IsAllowed, string Rule, string? Entry, string? Reason)
{
    /// <summary>Decides on reading <paramref name="path"/>, which is absolute and without links.</summary>
    public static FileDecision Read(Policy policy, string path) =>
        Decide(Rules(policy).Read(path), path, [.. AllowedPaths.Read(policy), .. AllowedPaths.Write(policy)]);

    /// <summary>Decides on writing, making, renaming or removing <paramref name="path"/>.</summary>
    public static FileDecision Write(Policy policy, string path) => Decide(Rules(policy).Write(path), path, AllowedPaths.Write(policy));

    /// <summary>Why an access was denied, and which key could allow it.</summary>
    public static (string Reason, string Rule) Explain(DenialReason reason, string path) =>
        reason switch
        {
            DenialReason.OutsideReadPaths => ("Outside allowed paths", "filesystem.allowed_read_paths"),
            DenialReason.OutsideWritePaths when FileRules.Holder(path, [SandboxPaths.Workspace]) is not null => (
                "The workspace is read-only",
                "filesystem.workspace"
            ),
            DenialReason.OutsideWritePaths => ("Outside allowed paths", "filesystem.allowed_write_paths"),
            DenialReason.ProtectedPath => ("Is protected", "filesystem.protected_paths"),
            DenialReason.SensitivePath => ("Holds secrets of the system", "sensitive_paths"),
            _ => ("What it asked for could not be read", "system_calls"),
        };

    private static FileRules Rules(Policy policy)
    {
        FileRules rules = new(
            [.. AllowedPaths.Read(policy).Select(grant => grant.Path)],
            [.. AllowedPaths.Write(policy).Select(grant => grant.Path)]
        );
        return policy.Filesystem.Workspace == WorkspaceAccess.Write
            ? rules.Protecting(SandboxPaths.Workspace, [.. policy.Filesystem.ProtectedPaths])
            : rules;
    }

    private static FileDecision Decide(DenialReason denial, string path, ImmutableArray<PathGrant> grants)
    {
        if (denial != DenialReason.None)
        {
            (string reason, string rule) = Explain(denial, path);
            return new FileDecision(false, rule, null, reason);
        }

        PathGrant grant = grants.First(grant => FileRules.Holder(path, [grant.Path]) is not null);
        return new FileDecision(true, grant.Rule, grant.Path, null);
    }
}
