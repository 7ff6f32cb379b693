using System.Collections.Immutable;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>Packages are being installed.</summary>
/// <param name="Packages">The packages.</param>
/// <param name="Status"><c>Installing...</c>.</param>
public sealed record DependenciesInstalling(ImmutableArray<string> Packages, string Status)
    : TelemetryEvent(EventCatalog.DependenciesInstalling)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Items(DetailNames.PackageList, Packages);
        visitor.Word(DetailNames.Status, Status);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Packages = masker.Mask(Packages) };
}

/// <summary>How far an installation is.</summary>
/// <param name="Package">The package that is being received.</param>
/// <param name="Received">Its bytes so far.</param>
/// <param name="Total">Its size, where known.</param>
/// <param name="Percent">Of this package.</param>
/// <param name="Overall">Of all packages.</param>
public sealed record DependenciesProgress(string Package, long Received, long? Total, double Percent, double Overall)
    : TelemetryEvent(EventCatalog.DependenciesProgress)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Package, Package);
        visitor.Bytes(DetailNames.Received, Received);
        visitor.Bytes(DetailNames.Total, Total);
        visitor.Percent(DetailNames.Percent, Percent);
        visitor.Percent(DetailNames.Overall, Overall);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Package = masker.Mask(Package) };
}

/// <summary>All packages are installed.</summary>
/// <param name="Packages">How many.</param>
/// <param name="Size">Their size in bytes.</param>
/// <param name="Duration">How long it took.</param>
public sealed record DependenciesInstalled(int Packages, long Size, TimeSpan Duration) : TelemetryEvent(EventCatalog.DependenciesInstalled)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Number(DetailNames.PackageCount, Packages);
        visitor.Bytes(DetailNames.Size, Size);
        visitor.Duration(DetailNames.Duration, Duration);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>A package could not be installed.</summary>
/// <param name="Package">The package.</param>
/// <param name="Error">Why.</param>
/// <param name="Action">What happens now.</param>
public sealed record DependenciesFailed(string Package, string Error, string Action) : TelemetryEvent(EventCatalog.DependenciesFailed)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Package, Package);
        visitor.Text(DetailNames.Error, Error);
        visitor.Text(DetailNames.Action, Action);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Package = masker.Mask(Package), Error = masker.Mask(Error) };
}
