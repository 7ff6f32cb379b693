using System.Collections.Immutable;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>Removes secrets from the details of an event that are lists.</summary>
internal static class MaskedDetails
{
    /// <summary>The values without secrets. Labels are the product's own words.</summary>
    public static ImmutableArray<LabeledValue> Mask(this SecretMasker masker, ImmutableArray<LabeledValue> values) =>
        masker.IsEmpty || values.IsDefaultOrEmpty ? values : [.. values.Select(value => value with { Value = masker.Mask(value.Value) })];

    /// <summary>The files with names without secrets.</summary>
    public static ImmutableArray<SizedFile> Mask(this SecretMasker masker, ImmutableArray<SizedFile> files) =>
        masker.IsEmpty || files.IsDefaultOrEmpty ? files : [.. files.Select(file => file with { Name = masker.Mask(file.Name) })];
}
