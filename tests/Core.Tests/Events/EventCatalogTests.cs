using System.Collections;
using System.Collections.Immutable;
using System.Reflection;
using IsolatedAgents.Events;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Core.Tests.Events;

[TestClass]
public sealed class EventCatalogTests
{
    /// <summary>Texts that this product writes itself.</summary>
    private static readonly HashSet<string> OwnTexts =
    [
        "Status",
        "Action",
        "Signal",
        "ContainerId",
        "Digest",
        "Rule",
        "ContainerRuntime",
        "StorageBackend",
        "AuditLogger",
        "Probes",
        "Body",
        "SessionId",
        "Operation",
    ];

    [TestMethod]
    public void All_Rows_AreUniqueAndInOrder()
    {
        Assert.HasCount(45, EventCatalog.All);
        Assert.HasCount(45, EventCatalog.All.Select(row => row.Id).Distinct());
        Assert.HasCount(45, EventCatalog.All.Select(row => row.Name).Distinct());
        CollectionAssert.AreEqual(
            EventCatalog.All.Select(row => row.Id).Order().ToArray(),
            EventCatalog.All.Select(row => row.Id).ToArray()
        );
    }

    [TestMethod]
    public void All_EachRow_HasARecordOfItsName()
    {
        CollectionAssert.AreEquivalent(EventCatalog.All, SampleEvents.All.Select(sample => sample.Descriptor).ToArray());
        foreach (TelemetryEvent sample in SampleEvents.All)
        {
            string expected = string.Concat(
                sample.Descriptor.Name.Split('.', '_').Select(word => char.ToUpperInvariant(word[0]) + word[1..])
            );
            Assert.AreEqual(expected, sample.GetType().Name);
        }
    }

    [TestMethod]
    public void Mask_EveryForeignText_LosesTheSecret()
    {
        const string secret = "hunter22";
        var masker = new SecretMasker([secret]);
        foreach (TelemetryEvent sample in SampleEvents.All)
        {
            TelemetryEvent planted = SampleEvents.Stamped(sample);
            PropertyInfo[] texts = [.. planted.GetType().GetProperties().Where(p => p.CanWrite && !OwnTexts.Contains(p.Name))];
            foreach (PropertyInfo property in texts)
            {
                Plant(property, planted, secret);
            }

            TelemetryEvent masked = planted.Mask(masker);

            foreach (PropertyInfo property in texts)
            {
                Assert.DoesNotContain(secret, Show(property.GetValue(masked)), $"{planted.GetType().Name}.{property.Name}");
            }
        }
    }

    private static void Plant(PropertyInfo property, TelemetryEvent target, string secret)
    {
        object? value = property.PropertyType switch
        {
            Type type when type == typeof(string) => secret,
            Type type when type == typeof(ImmutableArray<string>) => (ImmutableArray<string>)[secret],
            Type type when type == typeof(ImmutableArray<LabeledValue>) => (ImmutableArray<LabeledValue>)[new("label", secret)],
            Type type when type == typeof(ImmutableArray<SizedFile>) => (ImmutableArray<SizedFile>)[new(secret, 1)],
            _ => null,
        };
        if (value is not null)
        {
            property.SetValue(target, value);
        }
    }

    private static string Show(object? value) =>
        value is IEnumerable items and not string ? string.Join(' ', items.Cast<object>()) : value?.ToString() ?? "";
}
