using System.Collections.Immutable;
using System.Globalization;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>The output folder is read. Either what will be scanned, or what was found.</summary>
/// <param name="Scanning">The folder in the sandbox.</param>
/// <param name="Found">How many files there are.</param>
/// <param name="Files">The files, where they are told in one event.</param>
/// <param name="TotalSize">Their size in bytes.</param>
public sealed record OutputCollecting(string? Scanning, int? Found, ImmutableArray<SizedFile> Files = default, long? TotalSize = null)
    : TelemetryEvent(EventCatalog.OutputCollecting)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Scanning, Scanning);
        if (Found is int found)
        {
            visitor.Files(DetailNames.Found, found, DetailNames.TotalSize, null);
        }

        visitor.Items(DetailNames.Files, Files);
        visitor.Bytes(DetailNames.TotalSize, TotalSize);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Scanning = masker.Mask(Scanning),
            Files = masker.Mask(Files),
        };
}

/// <summary>A file was taken over.</summary>
/// <param name="File">Path below the output folder.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Status"><c>Copied to host</c>.</param>
public sealed record OutputCollected(string File, long Size, string Status) : TelemetryEvent(EventCatalog.OutputCollected)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.File, File);
        visitor.Bytes(DetailNames.FileSize, Size);
        visitor.Word(DetailNames.Status, Status);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { File = masker.Mask(File) };
}

/// <summary>The outputs are almost as large as is allowed.</summary>
/// <param name="Current">In bytes.</param>
/// <param name="Limit">In bytes.</param>
/// <param name="Remaining">In bytes.</param>
public sealed record OutputLimitApproaching(long Current, long Limit, long Remaining) : TelemetryEvent(EventCatalog.OutputLimitApproaching)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Bytes(DetailNames.CurrentSize, Current);
        visitor.Bytes(DetailNames.SizeLimit, Limit);
        visitor.BytesLike(DetailNames.SizeRemaining, Remaining, Limit);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The outputs are larger, or more files, than is allowed.</summary>
/// <param name="Current">In bytes.</param>
/// <param name="Limit">In bytes.</param>
/// <param name="Action">What happens now.</param>
public sealed record OutputLimitExceeded(long Current, long Limit, string Action) : TelemetryEvent(EventCatalog.OutputLimitExceeded)
{
    /// <summary>
    /// The limit of files and folders, where that is the one which the outputs passed; null where it is the one of bytes.
    /// </summary>
    public int? FileLimit { get; init; }

    internal const string WorkspaceKey = "max_workspace_bytes";

    /// <summary>The policy key that sets the limit.</summary>
    internal string Key { get; init; } = "max_output_bytes";

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Bytes(DetailNames.CurrentSize, FileLimit is null ? Current : null);
        visitor.Bytes(DetailNames.SizeLimit, FileLimit is null ? Limit : null);
        visitor.Text(
            DetailNames.CurrentFiles,
            FileLimit is int files ? string.Create(CultureInfo.InvariantCulture, $"more than {files} files and folders") : null
        );
        visitor.Number(DetailNames.FileLimit, FileLimit);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}
