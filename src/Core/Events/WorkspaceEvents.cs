using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>The agent has changed a file of its copy of the workspace.</summary>
/// <param name="File">Path below the workspace.</param>
/// <param name="Operation">
/// <c>Created</c>, <c>Changed</c> or <c>Deleted</c>; <c>Restored</c> where the whole workspace is what it was before a run that was killed.
/// </param>
/// <param name="Size">What the file has now, in bytes; null where it is gone.</param>
/// <param name="Status"><c>Applied</c> or <c>Not applied</c>.</param>
public sealed record WorkspaceChanged(string File, string Operation, long? Size, string Status)
    : TelemetryEvent(EventCatalog.WorkspaceChanged)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.File, File);
        visitor.Word(DetailNames.Operation, Operation);
        visitor.Bytes(DetailNames.FileSize, Size);
        visitor.Word(DetailNames.Status, Status);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { File = masker.Mask(File) };
}

/// <summary>A change to the workspace that is not applied, whatever the verdict.</summary>
/// <param name="File">Path below the workspace.</param>
/// <param name="Operation"><c>Created</c>, <c>Changed</c> or <c>Deleted</c>.</param>
/// <param name="Reason">Why.</param>
/// <param name="Rule">The policy key that decides; null where none does.</param>
public sealed record WorkspaceHeldBack(string File, string Operation, string Reason, string? Rule = null)
    : TelemetryEvent(EventCatalog.WorkspaceHeldBack)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.File, File);
        visitor.Word(DetailNames.Operation, Operation);
        visitor.Text(DetailNames.Reason, Reason);
        visitor.Text(DetailNames.Rule, Rule);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { File = masker.Mask(File), Reason = masker.Mask(Reason) };
}

/// <summary>Changes that stay in the agent's copy of the workspace, whatever the verdict: one event for all of them.</summary>
/// <param name="Ignored">Files that git ignores, or that builds make.</param>
/// <param name="VersionControl">Files that version control keeps of itself.</param>
/// <param name="Links">Links that would not lead to a file of the workspace that comes back too.</param>
/// <param name="Size">Sizes of the files together, in bytes.</param>
public sealed record WorkspaceLeft(int Ignored, int VersionControl, int Links, long Size) : TelemetryEvent(EventCatalog.WorkspaceLeft)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Number(DetailNames.Ignored, Ignored);
        visitor.Number(DetailNames.VersionControl, VersionControl);
        visitor.Number(DetailNames.Links, Links);
        visitor.Bytes(DetailNames.TotalSize, Size);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}
