using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Policies;

/// <summary>How each kind of violation is told: what the verdict and the reports put first, and by which code.</summary>
internal static class ViolationKinds
{
    /// <summary>The lower, the worse: what would leave the sandbox before what would touch the rest of it.</summary>
    public static int Rank(ViolationKind kind) =>
        kind switch
        {
            ViolationKind.Process => 0,
            ViolationKind.Network => 1,
            ViolationKind.Filesystem => 2,
            _ => 3,
        };

    /// <summary>Its name in a policy.</summary>
    public static string Name(ViolationKind kind) =>
        kind switch
        {
            ViolationKind.Filesystem => "filesystem",
            ViolationKind.Network => "network",
            ViolationKind.Process => "process",
            _ => "output",
        };

    /// <summary>Its code in <see cref="DiagnosticTable"/>.</summary>
    public static string Code(ViolationKind kind) =>
        kind switch
        {
            ViolationKind.Filesystem => DiagnosticTable.FilesystemViolation,
            ViolationKind.Network => DiagnosticTable.NetworkViolation,
            ViolationKind.Process => DiagnosticTable.ProcessViolation,
            _ => DiagnosticTable.OutputViolation,
        };
}
