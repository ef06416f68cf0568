-- One row a contract action, whatever its kind (award, IDV, OtherTransactionAward,
-- OtherTransactionIDV) and whichever shape its file has (yearly archive, ATOM feed).
--
-- The kinds keep the same fact in different places: identities differ by name, and other transactions
-- hold dates, dollars and all else one level deeper, in contractDetail. An element that may carry
-- attributes is a struct: its text is _VALUE, an attribute is _name.
SELECT
    -- Which contract action this is.
    _hw_row_tag AS record_type,
    _version AS version,
    coalesce(
        awardID.awardContractID.agencyID._VALUE,
        contractID.IDVID.agencyID._VALUE,
        OtherTransactionAwardID.OtherTransactionAwardContractID.agencyID._VALUE,
        OtherTransactionIDVID.OtherTransactionIDVContractID.agencyID._VALUE
    ) AS agency_id,
    coalesce(
        awardID.awardContractID.agencyID._name,
        contractID.IDVID.agencyID._name,
        OtherTransactionAwardID.OtherTransactionAwardContractID.agencyID._name,
        OtherTransactionIDVID.OtherTransactionIDVContractID.agencyID._name
    ) AS agency_name,
    coalesce(
        awardID.awardContractID.PIID,
        contractID.IDVID.PIID,
        OtherTransactionAwardID.OtherTransactionAwardContractID.PIID,
        OtherTransactionIDVID.OtherTransactionIDVContractID.PIID
    ) AS piid,
    coalesce(
        awardID.awardContractID.modNumber,
        contractID.IDVID.modNumber,
        OtherTransactionAwardID.OtherTransactionAwardContractID.modNumber,
        OtherTransactionIDVID.OtherTransactionIDVContractID.modNumber
    ) AS mod_number,
    coalesce(
        awardID.awardContractID.transactionNumber,
        OtherTransactionAwardID.OtherTransactionAwardContractID.transactionNumber
    ) AS transaction_number,

    -- The vehicle that it was placed under.
    coalesce(
        awardID.referencedIDVID.agencyID._VALUE,
        contractID.referencedIDVID.agencyID._VALUE,
        OtherTransactionAwardID.referencedIDVID.agencyID._VALUE,
        OtherTransactionIDVID.referencedIDVID.agencyID._VALUE
    ) AS referenced_agency_id,
    coalesce(
        awardID.referencedIDVID.PIID,
        contractID.referencedIDVID.PIID,
        OtherTransactionAwardID.referencedIDVID.PIID,
        OtherTransactionIDVID.referencedIDVID.PIID
    ) AS referenced_piid,

    -- Dates, as given: some carry a time of day.
    coalesce(
        relevantContractDates.signedDate,
        contractDetail.relevantContractDates.signedDate
    ) AS signed_date,
    coalesce(
        relevantContractDates.effectiveDate,
        contractDetail.relevantContractDates.effectiveDate
    ) AS effective_date,
    coalesce(
        relevantContractDates.currentCompletionDate,
        contractDetail.relevantContractDates.currentCompletionDate
    ) AS current_completion_date,
    coalesce(
        relevantContractDates.ultimateCompletionDate,
        contractDetail.relevantContractDates.ultimateCompletionDate
    ) AS ultimate_completion_date,
    relevantContractDates.lastDateToOrder AS last_date_to_order,

    -- Dollars: exact, negative where money is taken back.
    coalesce(dollarValues.obligatedAmount, contractDetail.dollarValues.obligatedAmount) AS obligated_amount,
    coalesce(
        dollarValues.baseAndExercisedOptionsValue,
        contractDetail.dollarValues.baseAndExercisedOptionsValue
    ) AS base_and_exercised_options_value,
    coalesce(
        dollarValues.baseAndAllOptionsValue,
        contractDetail.dollarValues.baseAndAllOptionsValue
    ) AS base_and_all_options_value,
    coalesce(
        totalDollarValues.totalObligatedAmount,
        contractDetail.totalDollarValues.totalObligatedAmount
    ) AS total_obligated_amount,
    coalesce(
        totalDollarValues.totalBaseAndAllOptionsValue,
        contractDetail.totalDollarValues.totalBaseAndAllOptionsValue
    ) AS total_base_and_all_options_value,

    -- Who bought, and who paid.
    coalesce(
        purchaserInformation.contractingOfficeAgencyID._departmentID,
        contractDetail.purchaserInformation.contractingOfficeAgencyID._departmentID
    ) AS department_id,
    coalesce(
        purchaserInformation.contractingOfficeAgencyID._departmentName,
        contractDetail.purchaserInformation.contractingOfficeAgencyID._departmentName
    ) AS department_name,
    coalesce(
        purchaserInformation.contractingOfficeAgencyID._VALUE,
        contractDetail.purchaserInformation.contractingOfficeAgencyID._VALUE
    ) AS contracting_agency_id,
    coalesce(
        purchaserInformation.contractingOfficeAgencyID._name,
        contractDetail.purchaserInformation.contractingOfficeAgencyID._name
    ) AS contracting_agency_name,
    coalesce(
        purchaserInformation.contractingOfficeID._VALUE,
        contractDetail.purchaserInformation.contractingOfficeID._VALUE
    ) AS contracting_office_id,
    coalesce(
        purchaserInformation.contractingOfficeID._name,
        contractDetail.purchaserInformation.contractingOfficeID._name
    ) AS contracting_office_name,
    coalesce(
        purchaserInformation.fundingRequestingAgencyID._VALUE,
        contractDetail.purchaserInformation.fundingRequestingAgencyID._VALUE
    ) AS funding_agency_id,
    coalesce(
        purchaserInformation.fundingRequestingAgencyID._name,
        contractDetail.purchaserInformation.fundingRequestingAgencyID._name
    ) AS funding_agency_name,
    coalesce(
        purchaserInformation.fundingRequestingOfficeID._VALUE,
        contractDetail.purchaserInformation.fundingRequestingOfficeID._VALUE
    ) AS funding_office_id,
    coalesce(
        purchaserInformation.fundingRequestingOfficeID._name,
        contractDetail.purchaserInformation.fundingRequestingOfficeID._name
    ) AS funding_office_name,

    -- What kind of contract, and what was done to it.
    coalesce(
        contractData.contractActionType._VALUE,
        contractDetail.contractData.contractActionType._VALUE
    ) AS action_type,
    coalesce(
        contractData.contractActionType._description,
        contractDetail.contractData.contractActionType._description
    ) AS action_type_name,
    contractData.typeOfContractPricing._VALUE AS pricing_type,
    contractData.typeOfContractPricing._description AS pricing_type_name,
    coalesce(
        contractData.reasonForModification._VALUE,
        contractDetail.contractData.reasonForModification._VALUE
    ) AS modification_reason,
    contractData.typeOfIDC._VALUE AS idv_type,
    contractData.multipleOrSingleAwardIDC._VALUE AS multiple_or_single_award,
    contractDetail.contractData.typeOfAgreement AS agreement_type,
    contractData.solicitationID AS solicitation_id,
    coalesce(
        contractData.descriptionOfContractRequirement,
        contractDetail.contractData.descriptionOfContractRequirement
    ) AS requirement,

    -- What was bought. Other transactions have the product code elsewhere, and no NAICS.
    coalesce(productOrServiceInformation.productOrServiceCode._VALUE, contractDetail.PSCCode._VALUE) AS psc,
    coalesce(
        productOrServiceInformation.productOrServiceCode._description,
        contractDetail.PSCCode._description
    ) AS psc_name,
    coalesce(
        productOrServiceInformation.productOrServiceCode._productOrServiceType,
        contractDetail.PSCCode._productOrServiceType
    ) AS psc_type,
    productOrServiceInformation.principalNAICSCode._VALUE AS naics,
    productOrServiceInformation.principalNAICSCode._description AS naics_name,

    -- From whom. Archive files name the vendor by DUNS number, the feed by UEI.
    coalesce(vendor.vendorHeader.vendorName, contractDetail.vendor.vendorHeader.vendorName) AS vendor_name,
    coalesce(
        vendor.vendorSiteDetails.entityIdentifiers.vendorUEIInformation.UEI,
        contractDetail.vendor.vendorSiteDetails.entityIdentifiers.vendorUEIInformation.UEI
    ) AS vendor_uei,
    coalesce(
        vendor.vendorSiteDetails.entityIdentifiers.vendorUEIInformation.ultimateParentUEI,
        contractDetail.vendor.vendorSiteDetails.entityIdentifiers.vendorUEIInformation.ultimateParentUEI
    ) AS vendor_parent_uei,
    coalesce(
        vendor.vendorSiteDetails.entityIdentifiers.vendorUEIInformation.ultimateParentUEIName,
        contractDetail.vendor.vendorSiteDetails.entityIdentifiers.vendorUEIInformation.ultimateParentUEIName
    ) AS vendor_parent_name,
    coalesce(
        vendor.vendorSiteDetails.vendorDUNSInformation.DUNSNumber,
        vendor.vendorSiteDetails.entityIdentifiers.vendorDUNSInformation.DUNSNumber,
        contractDetail.vendor.vendorSiteDetails.vendorDUNSInformation.DUNSNumber,
        contractDetail.vendor.vendorSiteDetails.entityIdentifiers.vendorDUNSInformation.DUNSNumber
    ) AS vendor_duns,
    coalesce(
        vendor.vendorSiteDetails.entityIdentifiers.cageCode,
        vendor.vendorSiteDetails.vendorDUNSInformation.cageCode,
        contractDetail.vendor.vendorSiteDetails.entityIdentifiers.cageCode,
        contractDetail.vendor.vendorSiteDetails.vendorDUNSInformation.cageCode
    ) AS vendor_cage,
    coalesce(
        vendor.vendorSiteDetails.vendorLocation.city,
        contractDetail.vendor.vendorSiteDetails.vendorLocation.city
    ) AS vendor_city,
    coalesce(
        vendor.vendorSiteDetails.vendorLocation.state._VALUE,
        contractDetail.vendor.vendorSiteDetails.vendorLocation.state._VALUE
    ) AS vendor_state,
    coalesce(
        vendor.vendorSiteDetails.vendorLocation.ZIPCode._VALUE,
        contractDetail.vendor.vendorSiteDetails.vendorLocation.ZIPCode._VALUE
    ) AS vendor_zip,
    coalesce(
        vendor.vendorSiteDetails.vendorLocation.countryCode._VALUE,
        contractDetail.vendor.vendorSiteDetails.vendorLocation.countryCode._VALUE
    ) AS vendor_country,
    coalesce(
        vendor.vendorSiteDetails.vendorLocation.congressionalDistrictCode,
        contractDetail.vendor.vendorSiteDetails.vendorLocation.congressionalDistrictCode
    ) AS vendor_congressional_district,
    vendor.contractingOfficerBusinessSizeDetermination._VALUE AS business_size,

    -- Where the work is done.
    coalesce(
        placeOfPerformance.principalPlaceOfPerformance.stateCode._VALUE,
        contractDetail.placeOfPerformance.principalPlaceOfPerformance.stateCode._VALUE
    ) AS place_state,
    coalesce(
        placeOfPerformance.principalPlaceOfPerformance.countryCode._VALUE,
        contractDetail.placeOfPerformance.principalPlaceOfPerformance.countryCode._VALUE
    ) AS place_country,
    coalesce(
        placeOfPerformance.placeOfPerformanceZIPCode._VALUE,
        contractDetail.placeOfPerformance.placeOfPerformanceZIPCode._VALUE
    ) AS place_zip,
    coalesce(
        placeOfPerformance.placeOfPerformanceZIPCode._city,
        contractDetail.placeOfPerformance.placeOfPerformanceZIPCode._city
    ) AS place_city,
    coalesce(
        placeOfPerformance.placeOfPerformanceCongressionalDistrict,
        contractDetail.placeOfPerformance.placeOfPerformanceCongressionalDistrict
    ) AS place_congressional_district,

    -- How it was competed.
    coalesce(
        competition.extentCompeted._VALUE,
        contractDetail.competition.extentCompeted._VALUE
    ) AS extent_competed,
    coalesce(
        competition.typeOfSetAside._VALUE,
        contractDetail.competition.typeOfSetAside._VALUE
    ) AS set_aside,
    coalesce(
        competition.numberOfOffersReceived,
        contractDetail.competition.numberOfOffersReceived
    ) AS offers_received,

    -- The record's own history, and where it was read.
    coalesce(
        transactionInformation.createdDate,
        contractDetail.transactionInformation.createdDate
    ) AS created_date,
    coalesce(
        transactionInformation.lastModifiedDate,
        contractDetail.transactionInformation.lastModifiedDate
    ) AS last_modified_date,
    _hw_file AS source_file,
    _hw_offset AS source_offset,

    -- The federal fiscal year begins on 1 October of the calendar year before. The partition.
    CAST(
        date_part(
            'year',
            coalesce(relevantContractDates.signedDate, contractDetail.relevantContractDates.signedDate) + INTERVAL '3 months'
        ) AS INT
    ) AS fiscal_year
FROM awards
